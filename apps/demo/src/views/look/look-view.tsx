import { Answers } from './answers.js';
import { LayersCard } from './layers-card.js';
import { PictureCard } from './picture-card.js';
import { QuestionCard } from './question-card.js';
import { TryCard } from './try-card.js';
import { WhyCard } from './why-card.js';

export function LookView() {
  return (
    <div class="look">
      <div class="column">
        <PictureCard />
        <TryCard />
      </div>
      <div class="column">
        <QuestionCard />
        <Answers />
        <WhyCard />
      </div>
      <LayersCard />
    </div>
  );
}
