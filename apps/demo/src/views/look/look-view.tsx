import { Answers } from './answers.js';
import { LayersCard } from './layers-card.js';
import { PictureCard } from './picture-card.js';
import { QuestionCard } from './question-card.js';
import { TryCard } from './try-card.js';
import { WhyCard } from './why-card.js';

export function LookView() {
  return (
    <div class="look">
      <PictureCard />
      <QuestionCard />
      <Answers />
      <WhyCard />
      <LayersCard />
      <TryCard />
    </div>
  );
}
